#ifndef SWITCHBOARD_CTERMINAL_H
#define SWITCHBOARD_CTERMINAL_H

// What the C library has for pseudo-terminals and the programs on them, and hides from Swift, which does not ask for extensions (_GNU_SOURCE).
#if defined(__linux__)
int posix_openpt(int flags);
int grantpt(int master);
int unlockpt(int master);
int ptsname_r(int master, char *name, __SIZE_TYPE__ length);
int pipe2(int ends[2], int flags);
// Its first parameter is a posix_spawn_file_actions_t; <spawn.h> in here would be taken for this module's own.
int posix_spawn_file_actions_addchdir_np(void *actions, const char *folder);

// POSIX_SPAWN_SETSID, the same in glibc and musl.
static const short terminal_spawn_setsid = 0x80;
#else
static const short terminal_spawn_setsid = 0x400;
#endif

#endif
