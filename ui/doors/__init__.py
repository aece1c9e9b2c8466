"""Who is let in to the bench, with what, and what goes out: plain ASGI doors around Gradio, one file a subject."""
