"""What the pods' own part costs and keeps: its start beside the bare engine's, adapters swapped under load."""
