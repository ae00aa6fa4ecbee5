"""What both applications stand on."""
