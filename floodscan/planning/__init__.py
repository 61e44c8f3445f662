"""From events to work: targets, slots, merged searches and batches."""
