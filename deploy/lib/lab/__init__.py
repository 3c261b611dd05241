"""deploy/lab: the services of docker-compose.yml as local programs in namespaces of their own."""


class Failure(Exception):
    """Something that the user has to know, in one line."""
