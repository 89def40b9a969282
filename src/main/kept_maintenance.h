/*
 * Which sites are closed for maintenance, as the edges told it (edge/overseer.h): an operator's
 * word, which holds until it is taken back. Kept in the state folder, whatever ends; handed to each
 * edge that starts. What stands in it is the edges' own matter.
 */
#pragma once

/* Its name in the state folder. */
#define MAINTENANCE_KEPT "maintenance.json"

struct kept_maintenance {
    const char *path; /* borrowed */
    int text;         /* a descriptor for edges; owned */
    unsigned version; /* goes up with each change */
};

/* Reads what was kept. A file that cannot be read is told, and is as none. 0 or -errno. */
int maintenance_open(struct kept_maintenance *kept, const char *path);

/* Takes the descriptor of another text. 0, or -errno when it could not be written: it holds until
 * this process ends. */
int maintenance_keep(struct kept_maintenance *kept, int text);
