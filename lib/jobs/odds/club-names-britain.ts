/** Clubs by country: `name | other spelling | ...`, parted by line ends or semicolons. */
export const BRITAIN = {
  England: `
    Arsenal FC; Chelsea FC; Everton FC; Fulham FC; Liverpool FC; Southampton FC; Sunderland AFC; Burnley FC; Watford FC
    AFC Bournemouth | Bournemouth; Aston Villa FC | Aston Villa | Villa; Brentford FC
    Brighton & Hove Albion FC | Brighton | Brighton & Hove Albion | Brighton Hove Albion
    Crystal Palace FC | Crystal Palace | C Palace | Palace; Leeds United FC | Leeds | Leeds United | Leeds Utd
    Leicester City FC | Leicester | Leicester City
    Manchester City FC | Man City | Manchester City | Man. City | Manchester C
    Manchester United FC | Man United | Man Utd | Man. United | Manchester United | Manchester Utd
    Newcastle United FC | Newcastle | Newcastle United | Newcastle Utd
    Tottenham Hotspur FC | Tottenham | Tottenham Hotspur | Spurs
    West Bromwich Albion FC | West Brom | West Bromwich | West Bromwich Albion
    West Ham United FC | West Ham | West Ham United | West Ham Utd
    Wolverhampton Wanderers FC | Wolves | Wolverhampton | Wolverhampton Wanderers
    Wimbledon FC | Wimbledon; AFC Wimbledon; Milton Keynes Dons FC | Milton Keynes Dons | MK Dons
    Barnsley FC; Birmingham City FC | Birmingham | Birmingham City; Blackburn Rovers FC | Blackburn | Blackburn Rovers
    Blackpool FC; Bristol City FC | Bristol City; Bristol Rovers FC | Bristol Rvs | Bristol Rovers
    Coventry City FC | Coventry | Coventry City; Derby County FC | Derby | Derby County
    Huddersfield Town AFC | Huddersfield | Huddersfield Town; Hull City AFC | Hull | Hull City
    Luton Town FC | Luton | Luton Town; Middlesbrough FC | Middlesbrough | Middlesboro; Millwall FC
    Norwich City FC | Norwich | Norwich City; Nottingham Forest FC | Nott'm Forest | Nottingham Forest | Notts Forest
    Preston North End FC | Preston | Preston North End
    Queens Park Rangers FC | QPR | Queens Park Rangers; Reading FC
    Sheffield United FC | Sheffield United | Sheffield Utd | Sheff Utd
    Sheffield Wednesday FC | Sheffield Weds | Sheffield Wed | Sheffield Wednesday
    Stoke City FC | Stoke | Stoke City; Accrington Stanley FC | Accrington | Accrington Stanley
    Bolton Wanderers FC | Bolton | Bolton Wanderers; Burton Albion FC | Burton | Burton Albion
    Cambridge United FC | Cambridge | Cambridge United | Cambridge Utd
    Charlton Athletic FC | Charlton | Charlton Athletic; Cheltenham Town FC | Cheltenham | Cheltenham Town
    Crewe Alexandra FC | Crewe | Crewe Alexandra; Doncaster Rovers FC | Doncaster | Doncaster Rovers
    Exeter City FC | Exeter | Exeter City; Fleetwood Town FC | Fleetwood Town | Fleetwood; Gillingham FC
    Ipswich Town FC | Ipswich | Ipswich Town; Lincoln City FC | Lincoln | Lincoln City; Morecambe FC
    Oxford United FC | Oxford | Oxford United | Oxford Utd
    Peterborough United FC | Peterboro | Peterborough | Peterborough United | Peterborough Utd
    Plymouth Argyle FC | Plymouth | Plymouth Argyle; Portsmouth FC; Rotherham United FC | Rotherham | Rotherham United
    Shrewsbury Town FC | Shrewsbury | Shrewsbury Town; Wigan Athletic FC | Wigan | Wigan Athletic
    Wycombe Wanderers FC | Wycombe | Wycombe Wanderers; Barrow AFC; Bradford City AFC | Bradford | Bradford City; Bury FC
    Carlisle United FC | Carlisle | Carlisle United; Colchester United FC | Colchester | Colchester United
    Crawley Town FC | Crawley Town | Crawley; Forest Green Rovers FC | Forest Green | Forest Green Rovers
    Grimsby Town FC | Grimsby | Grimsby Town; Harrogate Town AFC | Harrogate | Harrogate Town
    Hartlepool United FC | Hartlepool | Hartlepool United; Leyton Orient FC | Leyton Orient
    Mansfield Town FC | Mansfield | Mansfield Town; Northampton Town FC | Northampton | Northampton Town
    Notts County FC | Notts County; Port Vale FC | Port Vale; Rochdale AFC; Salford City FC | Salford | Salford City
    Scunthorpe United FC | Scunthorpe | Scunthorpe United; Stevenage FC | Stevenage | Stevenage Borough
    Stockport County FC | Stockport | Stockport County; Sutton United FC | Sutton | Sutton United
    Swindon Town FC | Swindon | Swindon Town; Tranmere Rovers FC | Tranmere | Tranmere Rovers; Walsall FC
    York City FC | York | York City; Yeovil Town FC | Yeovil | Yeovil Town
    Aldershot Town FC | Aldershot | Aldershot Town; Altrincham FC; Barnet FC
    Boreham Wood FC | Boreham Wood; Boston United FC | Boston | Boston United
    Braintree Town FC | Braintree Town | Braintree; Bromley FC; Chesterfield FC
    Dagenham & Redbridge FC | Dag and Red | Dagenham & Redbridge | Dagenham
    Dover Athletic FC | Dover Athletic | Dover; Eastleigh FC; Ebbsfleet United FC | Ebbsfleet | Ebbsfleet United
    Gateshead FC; FC Halifax Town | Halifax | Halifax Town; Kidderminster Harriers FC | Kidderminster | Kidderminster Harriers
    Macclesfield Town FC | Macclesfield | Macclesfield Town; Maidenhead United FC | Maidenhead | Maidenhead United
    Oldham Athletic AFC | Oldham | Oldham Athletic; Solihull Moors FC | Solihull | Solihull Moors
    Southend United FC | Southend | Southend United; Torquay United FC | Torquay | Torquay United
    Wealdstone FC; Woking FC
  `,
  Wales: `
    Cardiff City FC | Cardiff | Cardiff City; Newport County AFC | Newport County | Newport
    Swansea City AFC | Swansea | Swansea City; Wrexham AFC
  `,
  Scotland: `
    Aberdeen FC; Celtic FC | Celtic | Glasgow Celtic; Rangers FC | Rangers | Glasgow Rangers
    Dundee FC; Dundee United FC | Dundee United | Dundee Utd; Hamilton Academical FC | Hamilton | Hamilton Academical
    Heart of Midlothian FC | Hearts | Heart of Midlothian; Hibernian FC | Hibernian | Hibs; Kilmarnock FC; Motherwell FC
    St Johnstone FC | St Johnstone | Saint Johnstone; St Mirren FC | St Mirren | Saint Mirren
    Alloa Athletic FC | Alloa | Alloa Athletic; Arbroath FC; Ayr United FC | Ayr | Ayr United
    Dunfermline Athletic FC | Dunfermline | Dunfermline Athletic; Falkirk FC
    Inverness Caledonian Thistle FC | Inverness C | Inverness | Inverness CT | Inverness Caledonian Thistle
    Livingston FC; Greenock Morton FC | Morton | Greenock Morton; Partick Thistle FC | Partick | Partick Thistle
    Queen of the South FC | Queen of Sth | Queen of the South; Queen's Park FC | Queens Park
    Raith Rovers FC | Raith Rvs | Raith Rovers; Ross County FC | Ross County
  `,
} as const;
