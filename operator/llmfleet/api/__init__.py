"""What users write: the LLMDeployment resource, its conditions and its CRD."""
