# Configuration of puma for config.ru.
environment 'production'
threads 24, 24
persistent_timeout 1
quiet
