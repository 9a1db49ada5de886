"""The list of cameras, and what capture and the browsers' cameras share. No driver is opened here."""
