# Behind Teal, on a port of its color.
bind "tcp://127.0.0.1:#{ENV.fetch("PORT")}"
threads 4, 4
environment "production"
persistent_timeout 75 # longer than Teal's timeouts.target_idle (30 s); 20 s in puma 5
force_shutdown_after 25 # shorter than TimeoutStopSec of the unit
