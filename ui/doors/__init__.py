"""Plain ASGI doors around Gradio that check requests and replies, one file a subject."""
