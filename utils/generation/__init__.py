"""From a question to a proven program: prompts, candidates, proof, repair."""
