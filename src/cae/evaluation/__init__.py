"""What a trained model is worth: its predictions and the numbers computed from them."""
