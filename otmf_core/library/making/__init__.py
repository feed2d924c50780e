"""Libraries made from files of others: begun with a pre-trained model, a task added at a time, checked, fetched."""
