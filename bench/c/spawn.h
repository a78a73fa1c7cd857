// Spawns as a supervisor must: own session, default signals, empty mask.
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "clock.h"

extern char **environ;
static posix_spawnattr_t spawn_attributes;

static inline void prepare_spawn(void) {
  sigset_t all, none;
  sigfillset(&all);
  sigemptyset(&none);
  posix_spawnattr_init(&spawn_attributes);
  posix_spawnattr_setsigdefault(&spawn_attributes, &all);
  posix_spawnattr_setsigmask(&spawn_attributes, &none);
  posix_spawnattr_setflags(&spawn_attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}

static inline pid_t spawn_program(char **argv) {
  pid_t pid;
  int error = posix_spawn(&pid, argv[0], NULL, &spawn_attributes, argv, environ);
  if (error != 0) {
    fprintf(stderr, "spawn %s: %s\n", argv[0], strerror(error));
    exit(1);
  }
  return pid;
}
