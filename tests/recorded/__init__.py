"""Results that must stay the same bits from version to version, recorded once."""
