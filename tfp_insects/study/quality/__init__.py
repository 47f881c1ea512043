"""All models on the same images: which is better, by how much, and how sure is that?"""
