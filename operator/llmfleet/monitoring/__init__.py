"""What an SRE watches: recording rules, alerts with a runbook page each, and a dashboard. Pure; written as files."""
