"""Dead letters of all services: finding them, looking into one, having them handled again, or letting them rest."""
