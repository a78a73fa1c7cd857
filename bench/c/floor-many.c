// Starts COUNT processes, ends them when stdin closes or says a line, and prints how long each took:
// floor-many COUNT PROGRAM [ARGUMENT…]
#include "spawn.h"

int main(int argc, char **argv) {
  long long began = nanoseconds();
  if (argc < 3) return 2;
  int count = atoi(argv[1]);
  pid_t *pids = calloc(count, sizeof *pids);
  prepare_spawn();
  for (int i = 0; i < count; i++) pids[i] = spawn_program(argv + 2);
  printf("up %lld\n", nanoseconds() - began);
  fflush(stdout);

  char line[16];
  if (read(0, line, sizeof line) == -1) perror("stdin");
  began = nanoseconds();
  for (int i = 0; i < count; i++) kill(pids[i], SIGTERM);
  for (int i = 0; i < count; i++) waitpid(pids[i], NULL, 0);
  printf("down %lld\n", nanoseconds() - began);
  return 0;
}
