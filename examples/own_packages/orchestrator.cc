// The machine goes off when the orchestrator ends: one whose guest serves by other units waits until it is stopped.

#include <systemd/sd-daemon.h>
#include <unistd.h>

int main() {
  sd_notify(/*unset_environment=*/0, "READY=1");
  for (;;) {
    pause();
  }
}
