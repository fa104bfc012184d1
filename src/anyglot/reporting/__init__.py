"""Reports as Markdown, HTML, LaTeX and figures, from elements that say what is shown and not how."""
