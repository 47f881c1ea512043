"""AlexNet: its layers, the layout of its weights, and its fast form for serving."""
