/* `weir trust`: the local authorities of a Weir are put into this machine's stores of trust. */
#pragma once

int trust_main(int argc, const char **argv);
