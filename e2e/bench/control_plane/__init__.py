"""How the operator does with a thousand objects, beside Kopf operators and the limit of the API server.

Nothing of Kubernetes plays the pods' own pages: a ready pod does not answer what the operator asks it.
"""
