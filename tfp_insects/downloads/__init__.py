"""Files from the internet: by https alone, checked, resumed, and shared by the processes of a machine."""
