"""Answers for programs: what is shown, what came and went, as JSON, as streams, as pictures and as films."""
