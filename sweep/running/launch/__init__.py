"""`sweep launch`: a sweep sent to a cluster of machines that `ray up` brings up, followed, and paid for."""
