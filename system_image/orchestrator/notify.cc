#include "notify.h"

#include <systemd/sd-daemon.h>

#include <cstring>
#include <string>

namespace orchestrator {

std::string NotifyReady() {
  // The socket is this program's alone: runc would wait for the container to say that it is ready.
  const int result = sd_notify(/*unset_environment=*/1, "READY=1");
  return result < 0 ? std::strerror(-result) : "";
}

}  // namespace orchestrator
