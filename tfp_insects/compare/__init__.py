"""Which method is better, by how much, and how sure is that? One engine for report and benchmark."""
