"""Studies: questions that merges or measurements on the embedded library answer, each with its rows and its finding."""
