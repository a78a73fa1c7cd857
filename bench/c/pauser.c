// The least a service can be.
#include <unistd.h>

int main(void) {
  for (;;) pause();
}
