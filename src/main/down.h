/* `weir down`: stops what runs here, with or without a supervisor that could be asked. */
#pragma once

int down_main(int argc, const char **argv);
