"""How the operator does with a thousand objects, beside Kopf operators and the limit of the API server."""
