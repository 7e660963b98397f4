"""Networks judged on images that they have not seen: for the tables of documents."""
