"""What every room uses: settings, records, JSONL files, questions, console."""
