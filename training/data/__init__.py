"""Reading, splitting, disturbing and rendering the images that networks are trained on."""
