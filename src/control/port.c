/* Goes round the range; what listens now is asked of /proc. */
#include "control/port.h"

#include "base/hash.h"
#include "os/proc.h"

#define PORT_MIN       20000
#define PORT_MAX       65000
#define RANGE_PORTS    10000
#define RANGE_ENOUGH   1000
#define PORT_MIN_LOWER 2000

void port_chooser_init_beside(struct port_chooser *chooser, struct slice where,
                              uint16_t ephemeral_first, uint16_t ephemeral_last)
{
    unsigned first = PORT_MIN, end = ephemeral_first;
    if (end < first + RANGE_ENOUGH && ephemeral_last + RANGE_ENOUGH < PORT_MAX) {
        first = ephemeral_last + 1U;
        end = PORT_MAX;
    } else if (end < first + RANGE_ENOUGH) {
        first = PORT_MIN_LOWER;
        end = ephemeral_first > first + RANGE_ENOUGH ? ephemeral_first : PORT_MAX;
    }
    if (end > first + RANGE_PORTS)
        end = first + RANGE_PORTS;
    chooser->first = (uint16_t)first;
    chooser->last = (uint16_t)(end - 1);
    struct hash_key fixed = {0x776569720001, 0x706f7274};
    chooser->next = (uint16_t)(first + hash_bytes(fixed, where) % (end - first));
}

void port_chooser_init(struct port_chooser *chooser, struct slice where)
{
    uint16_t first, last;
    proc_ephemeral_ports(&first, &last);
    port_chooser_init_beside(chooser, where, first, last);
}

uint16_t port_choose(struct port_chooser *chooser)
{
    unsigned count = chooser->last - chooser->first + 1U;
    for (unsigned i = 0; i < count; i++) {
        uint64_t inodes[PROC_LISTENERS_MAX];
        uint16_t port = chooser->next;
        chooser->next = port == chooser->last ? chooser->first : (uint16_t)(port + 1);
        if (proc_listeners(port, inodes) == 0)
            return port;
    }
    return 0;
}
