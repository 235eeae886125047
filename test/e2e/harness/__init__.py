"""What the end-to-end tests are made of: connections, the ledger that judges, the load, servers, disks."""
