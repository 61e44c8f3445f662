"""Profiles, scripts and certificates, without a cluster."""
