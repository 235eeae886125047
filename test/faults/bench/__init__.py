"""What the injections have in common: control groups, libraries put before libc, the build with failpoints."""
