// An orchestrator of one's own. The image's unit is of Type=notify: it has to say when it is ready, and the
// machine goes off when it ends.

#include <systemd/sd-daemon.h>

#include <cstdio>

int main() {
  sd_notify(/*unset_environment=*/0, "READY=1");
  std::puts("hello from the guest");
  return 0;
}
