"""What a keeper can do: defences, what they guarantee and what they cost."""
