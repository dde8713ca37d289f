// The orchestrator of server_test: it is ready at once, serves a little later, and runs on.

#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstdio>

int main() {
  std::puts("server: ready");
  std::fflush(stdout);
  sd_notify(/*unset_environment=*/0, "READY=1");
  sleep(8);
  // The unit's RuntimeDirectory=.
  std::FILE* file = std::fopen("/run/orchestrator/serving", "w");
  if (file == nullptr || std::fputs("serving\n", file) < 0 || std::fclose(file) != 0) return 1;
  for (;;) pause();
}
