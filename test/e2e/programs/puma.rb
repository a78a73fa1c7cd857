# Behind a supervisor that hands over the listening socket. Without `queue_requests false` a stop cuts off connections whose
# request has not arrived yet. It costs keep-alive, and a slow client occupies a thread: have more of them.
bind_to_activated_sockets 'only'
queue_requests false
threads 1, 16
