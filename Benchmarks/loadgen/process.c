#include "process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

/* The scheduler's clock of a process: what /proc/PID/stat calls utime + stime, but in nanoseconds, and
   with the threads that have ended. */
static uint64_t cpu_time(const struct pids *pids) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < pids->count; i++) {
        clockid_t clock;
        if (clock_getcpuclockid(pids->at[i], &clock)) {
            fprintf(stderr, "loadgen: process %d is gone\n", (int)pids->at[i]);
            exit(1);
        }
        sum += read_clock(clock);
    }
    return sum;
}

static void read_cores(struct reading *reading) {
    unsigned long long user = 0, nice = 0, system = 0, idle, wait, irq = 0, softirq = 0, steal = 0;
    FILE *file = fopen("/proc/stat", "r");
    if (!file) return;
    if (fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &wait, &irq, &softirq,
               &steal) == 8) {
        uint64_t tick = SECOND / (uint64_t)sysconf(_SC_CLK_TCK);
        reading->busy = (user + nice + system + irq + softirq) * tick;
        reading->stolen = steal * tick;
    }
    fclose(file);
}

struct reading take_reading(const struct options *options) {
    struct reading reading = { .at = now(), .server = cpu_time(&options->server_pids),
                               .other = cpu_time(&options->other_pids), .own = read_clock(CLOCK_PROCESS_CPUTIME_ID) };
    read_cores(&reading);
    return reading;
}

/* smaps_rollup is exact; the counters of /proc/PID/status lag by up to a megabyte. */
uint64_t resident_bytes(const struct pids *pids) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < pids->count; i++) {
        char path[64], line[256];
        unsigned long long kilobytes;
        snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pids->at[i]);
        FILE *file = fopen(path, "r");
        if (!file) continue;
        while (fgets(line, sizeof line, file))
            if (sscanf(line, "Rss: %llu kB", &kilobytes) == 1) sum += kilobytes * 1024;
        fclose(file);
    }
    return sum;
}
