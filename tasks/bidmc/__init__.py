"""BIDMC: vital signs from 32 seconds of pulse oximeter and electrocardiogram."""
