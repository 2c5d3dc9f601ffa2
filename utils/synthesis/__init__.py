"""Questions, programs and gold SQL made from a metadata graph and its data alone, proven two ways."""
