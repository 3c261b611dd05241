#ifndef SWITCHBOARD_CLIBFUZZER_SHIM_H
#define SWITCHBOARD_CLIBFUZZER_SHIM_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer as a library, for programs that have a main of their own; the toolchain has the archive but no header. */
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*run)(const uint8_t *bytes, size_t count));

#endif
