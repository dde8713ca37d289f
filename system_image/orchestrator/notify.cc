#include "notify.h"

#include <systemd/sd-daemon.h>

#include <cstring>
#include <string>

namespace orchestrator {

std::string NotifyReady() {
  const int result = sd_notify(/*unset_environment=*/0, "READY=1");
  return result < 0 ? std::strerror(-result) : "";
}

}  // namespace orchestrator
