"""What every question of the benchmark needs: servers, clients, rounds, arithmetic, the page."""
