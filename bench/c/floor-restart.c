// The least a supervisor can do: spawn, wait, spawn again. floor-restart PROGRAM [ARGUMENT…]
#include "spawn.h"

static volatile pid_t child;

static void on_term(int signal) {
  (void)signal;
  if (child > 0) kill(child, SIGKILL);
  _exit(0);
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  prepare_spawn();
  signal(SIGTERM, on_term);
  signal(SIGINT, on_term);
  for (;;) {
    child = spawn_program(argv + 1);
    while (waitpid(child, NULL, 0) == -1) {}
  }
}
