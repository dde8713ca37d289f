#ifndef SYSTEM_IMAGE_ORCHESTRATOR_BUNDLE_H_
#define SYSTEM_IMAGE_ORCHESTRATOR_BUNDLE_H_

#include <string>

namespace orchestrator {

// Says whether `directory` holds an OCI runtime bundle, that is a config.json (OCI runtime-spec, bundle.md).
bool HasBundle(const std::string& directory);

// Runs the bundle with the image's runc and waits for it. Returns the container's exit status, 128 plus the
// signal if runc was killed by one, or 127 if runc can't be started, as a shell does.
int RunBundle(const std::string& directory);

}  // namespace orchestrator

#endif  // SYSTEM_IMAGE_ORCHESTRATOR_BUNDLE_H_
