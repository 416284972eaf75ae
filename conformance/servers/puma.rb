# How puma runs config.ru here.
environment 'production'
threads 24, 24
persistent_timeout 1
quiet
